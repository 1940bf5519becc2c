"""What every door shares: who acts, checked arguments, the `@event` decorator, errors in each door's own form.

A door checks shape (is it a number?); the action behind it checks meaning (may they? is it too long?).
"""
