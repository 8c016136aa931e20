"""The built-in transforms: what is done with columns before they enter the network, and with targets."""
