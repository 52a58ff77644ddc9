"""What hands messages to the world. `base` has the words that all senders share."""
