"""What an operation is: one record each, by kind."""
