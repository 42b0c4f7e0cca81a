"""What nbval says of the same notebook: a second look at full marks in a class."""
