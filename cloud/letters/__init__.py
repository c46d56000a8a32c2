"""Letters: one physical item of mail each, with its facts and the words that prove them."""
