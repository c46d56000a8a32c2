"""For how long what has ended is kept, in milliseconds."""

DAY_MS = 24 * 3600 * 1000
# An invitation, or an API key that was revoked: long enough to see what became of it.
ENDED_KEEP_MS = 90 * DAY_MS
AUDIT_KEEP_MS = 2 * 365 * DAY_MS
# So many programs and browsers a person has; whoever logs in again and again ends their own oldest login.
MOST_LOGINS = 100
