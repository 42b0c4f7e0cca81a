"""Running a restored notebook, under nbval or isolated."""
