"""A server that speaks S3, and a bucket of one's own in it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from mlops_assets.storage.location import Location

KEY, SECRET, REGION = "key-CANARY", "secret-CANARY", "eu-north-1"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket, and what a person would write to use it."""

    name: str
    endpoint: str
    client: Any

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    @property
    def options(self) -> dict[str, Any]:
        """As they stand in YAML: the variables are set by the fixture."""
        return {
            "key": {"env": "TEST_S3_KEY"},
            "secret": {"env": "TEST_S3_SECRET"},
            "client_kwargs": {"endpoint_url": self.endpoint, "region_name": REGION},
        }

    @property
    def root(self) -> Location:
        return self.place("")

    def place(self, path: str, **options: Any) -> Location:
        given = {**self.options, "key": KEY, "secret": SECRET, **options}
        return Location.parse(f"{self.url}/{path}" if path else self.url, storage_options=given)

    def objects(self) -> list[str]:
        """Every object there is, in the store's order."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [each["Key"] for each in found]

    def uploads(self) -> list[str]:
        """The keys of the unfinished multipart uploads."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [each["Key"] for each in found]

    def deny(self, *actions: str) -> None:
        """From now on these actions are refused."""
        import json

        everything = [f"arn:aws:s3:::{self.name}", f"arn:aws:s3:::{self.name}/*"]
        statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": everything}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client.put_bucket_policy(Bucket=self.name, Policy=policy)


@contextmanager
def s3_server() -> Iterator[str]:
    """The endpoint of a server in a thread of its own, on a free port; what it was given is forgotten at the end."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield (endpoint := f"http://{host}:{port}")
        # The next server of this process would find the buckets of this one.
        with urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")):
            pass
    finally:
        server.stop()


def make_bucket(endpoint: str, name: str) -> Bucket:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name=REGION
    )
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Bucket(name, endpoint, client)
