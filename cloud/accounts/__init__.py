"""Who uses Pillarbox: users, their households, and how they log in."""
