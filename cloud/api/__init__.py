"""What the endpoints of every feature share: their answers, ETags, pages and byte ranges."""
