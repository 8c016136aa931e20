"""What engines share that compile pure functions of arrays, whatever library compiles them and whatever runs them."""
