"""What boards draw from their batteries, and how long those will last."""
