"""The proof that checks are good: wrong answers made of right ones, one change each."""
