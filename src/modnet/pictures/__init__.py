"""Pictures of what `modnet.insight` computes. Drawing needs the extra ``plot``; computing never does."""
