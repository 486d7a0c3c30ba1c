"""What the system tests share: the stack, the programs, the people, the clients. Nothing here knows a rule of the product."""
