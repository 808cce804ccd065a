"""The engine: runs definitions. Its drivers do what a life says, in coroutines or in plain code."""
