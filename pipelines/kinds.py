"""What the tokens of GitHub and of GitLab say of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What the tokens of a kind of issuer have.

    required, optional: the claims that a trust must, and may, name.
    one_of: claims of which it must name at least one.
    event: the claim that says what a pipeline began by. strangers: events that those may cause who
        may not change the repository: a trust has to name them.
    url, keys: where the issuer is, and its keys below that, if not said otherwise.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    one_of: tuple[str, ...]
    event: str
    strangers: frozenset[str]
    url: str
    keys: str
    usual: Mapping[str, str]
    told: tuple[str, ...]


KINDS = {
    'github': Kind(
        required=('repository_id', 'repository_owner_id', 'ref'),
        optional=('environment',),
        one_of=('workflow_ref', 'job_workflow_ref'),
        event='event_name',
        strangers=frozenset(
            {
                *('pull_request', 'pull_request_target', 'pull_request_review'),
                *('pull_request_review_comment', 'issues', 'issue_comment'),
                *('discussion', 'discussion_comment', 'fork', 'watch', 'workflow_run'),
            }
        ),
        url='https://token.actions.githubusercontent.com',
        keys='/.well-known/jwks',
        usual={},
        told=('repository', 'run_id', 'sha', 'actor'),
    ),
    'gitlab': Kind(
        required=('project_id', 'namespace_id', 'ref'),
        optional=('environment', 'ref_type', 'ref_protected', 'ci_config_ref_uri'),
        one_of=(),
        event='pipeline_source',
        strangers=frozenset({'merge_request_event', 'external_pull_request_event'}),
        url='https://gitlab.com',
        keys='/oauth/discovery/keys',
        usual={'ref_type': 'branch', 'ref_protected': 'true'},
        told=('project_path', 'pipeline_id', 'sha', 'user_login'),
    ),
}
