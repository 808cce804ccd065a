"""Deployments, for who uses segue: declared, saved, and run, from code."""

from segue.deploying.declared import DeploymentOptions as DeploymentOptions
from segue.deploying.declared import to_deployment as to_deployment
from segue.deploying.running import RunOptions as RunOptions
from segue.deploying.running import arun_deployment as arun_deployment
from segue.deploying.running import run_deployment as run_deployment
from segue.deploying.serving import adeploy as adeploy
from segue.deploying.serving import aserve as aserve
from segue.deploying.serving import deploy as deploy
from segue.deploying.serving import serve as serve

__all__ = (
    "DeploymentOptions",
    "RunOptions",
    "adeploy",
    "arun_deployment",
    "aserve",
    "deploy",
    "run_deployment",
    "serve",
    "to_deployment",
)
