"""How many builds, jobs, problems and payloads of other kinds the recordings hold, by provider and folder."""

from collections import Counter

COUNTS = {
    "github": {
        "hub4j-wiremock": Counter(
            {
                "payloads": 95,
                "builds": 107,
                "jobs": 5,
                "problems": 1,
                "no build: 200: MalformedPayload": 3,  # log files, no JSON
                "no build: 204: MalformedPayload": 9,
                "no build: 302: MalformedPayload": 3,  # to where the logs are
                "no build: 403: RateLimited": 3,
                "no build: 404: NotFound": 2,
                "no build: 429: RateLimited": 1,
                "no build: account": 13,
                "no build: list of check runs": 5,
                "no build: list of workflows": 1,
                "no build: object without a run or a job": 8,
                "no build: repository": 16,
                "no build: workflow": 9,
            }
        ),
        "octokit-openapi": Counter(
            {
                "payloads": 16,
                "builds": 2,
                "jobs": 2,
                "no build: JSON list": 2,
                "no build: bill": 2,
                "no build: description of the API": 1,
                "no build: hook delivery": 1,
                "no build: list of check runs": 1,
                "no build: list of workflows": 1,
                "no build: rate limit overview": 1,
                "no build: receipt of a dispatch": 1,
                "no build: token": 1,
                "no build: workflow": 1,
            }
        ),
        "otel-cicd-action": Counter(
            {
                "payloads": 15,
                "builds": 3,
                "jobs": 7,
                "no build: 404: NotFound": 1,
                "no build: JSON list": 8,
            }
        ),
        "webhooks": Counter(
            {
                "payloads": 34,
                "builds": 3,
                "jobs": 6,
                "no build: check_run webhook": 8,
                "no build: check_suite webhook": 9,
                "no build: deployment_status webhook": 4,
                "no build: ping webhook": 4,
            }
        ),
    },
    "gitlab": {
        "devlake": Counter(
            {
                "payloads": 105,
                "builds": 29,
                "jobs": 76,
            }
        ),
        "gitlab4j": Counter(
            {
                "payloads": 12,
                "builds": 2,
                "jobs": 9,
                "no build: deployment": 1,
                "no build: deployment webhook": 1,
                "no build: list of variable": 1,
                "no build: pipeline schedule": 1,
                "no build: push webhook": 1,
                "no build: test report": 1,
            }
        ),
        "narkoz": Counter(
            {
                "payloads": 25,
                "builds": 7,
                "builds with problems": 6,
                "jobs": 7,
                "problems": 5,
                "no build: deployment": 1,
                "no build: list of deployment": 1,
                "no build: list of pipeline schedule": 1,
                "no build: list of variable": 1,
                "no build: message": 1,
                "no build: pipeline schedule": 3,
                "no build: test report": 1,
                "no build: variable": 2,
            }
        ),
    },
    "jenkins": {
        "api4jenkins": Counter(
            {
                "payloads": 17,
                "builds": 5,
                "no build: controller": 1,
                "no build: coverage report": 1,
                "no build: crumb": 1,
                "no build: folder": 2,
                "no build: job": 1,
                "no build: object without a build": 3,
                "no build: queue item of a part of a running Pipeline": 1,
                "no build: queue item that became a build": 1,
                "no build: test report": 1,
            }
        ),
        "devlake-multibranch": Counter(
            {
                "payloads": 84,
                "builds": 15,
                "jobs": 65,
                "no build: job": 4,
            }
        ),
        "jenkins-rest": Counter(
            {
                "payloads": 25,
                "builds": 9,
                "jobs": 10,
                "no build: 200: MalformedPayload": 4,
                "no build: folder": 2,
                "no build: job": 1,
                "no build: list of nodes": 1,
                "no build: load": 1,
                "no build: log of a node": 1,
                "no build: queue item of a part of a running Pipeline": 1,
                "no build: queue item that became a build": 3,
            }
        ),
        "notification-plugin": Counter(
            {
                "payloads": 1,
                "no build: notification to fetch asgard/18": 1,
            }
        ),
    },
}
