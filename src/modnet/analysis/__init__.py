"""What a person looks at: results, gradients, traces, cost landscapes, reports, and plots of all of them."""
