"""The camera gateway: photographs what came, keeps it safe, and brings it to the cloud."""
