"""Workers as pods of Kubernetes: those that stay by a Deployment, the others by KEDA as Jobs."""
