"""The pages: endpoints and timers, each calling one service of backend."""
