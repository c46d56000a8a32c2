"""What the endpoints of every feature share: their answers, ETags, pages, byte ranges and repeated requests."""
