"""Rights, passwords, budgets and headers: the rules that hold at every door."""
