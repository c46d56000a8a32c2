"""What has ended and nobody can use any more: logins, links, tokens, invitations, revoked keys, old acts."""
