"""Programs and files that pip cannot bring: found on the machine, else fetched into a private cache."""
