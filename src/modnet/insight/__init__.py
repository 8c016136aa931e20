"""What happens in a network and its training, computed as plain data; `modnet.pictures` draws it."""
