"""Starts MiniStack 1.5.33 with five patches where it is less faithful to AWS than our template needs.

Run by emulator.ts with the Python of .emulator/venv; configured by environment variables only.
Each patch says what AWS does and what the emulator does without it.
"""

import os
from xml.sax.saxutils import escape

from ministack.app import main
from ministack.services import apigateway, s3
from ministack.services.cloudformation import provisioners

# S3: a GET with both `versionId` and `Range` answers 200 with the whole body; AWS answers 206.
_get_object = s3._get_object


def get_object(bucket_name, key, headers, query_params=None):
    status, answer, body = _get_object(bucket_name, key, headers, query_params)
    wanted = headers.get("range", "")
    version = (query_params or {}).get("versionId")
    if status != 200 or not wanted or not version:
        return status, answer, body
    place = s3._parse_range(wanted, len(body))
    if place is None:
        error = s3._xml_body(s3._range_error_xml(bucket_name, key))
        return 416, {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}, error
    first, last = place
    answer = {k: v for k, v in answer.items() if not k.lower().startswith("x-amz-checksum")}
    answer["Content-Length"] = str(last - first + 1)
    answer["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return 206, answer, body[first : last + 1]


s3._get_object = get_object


# HTTP API: CorsConfiguration of a template is stored PascalCase but read camelCase.
def _with_camel_case(inner):
    def patched(config, origin):
        return inner({k[:1].lower() + k[1:]: v for k, v in (config or {}).items()}, origin)

    return patched


for name in ("_cors_response_headers", "_cors_preflight_response"):
    setattr(apigateway, name, _with_camel_case(getattr(apigateway, name)))


# CloudFormation buckets: LifecycleConfiguration and BucketEncryption are ignored.
def lifecycle_xml(config):
    rules = []
    for index, rule in enumerate(config.get("Rules", [])):
        parts = [
            f"<ID>{escape(rule.get('Id') or f'rule-{index}')}</ID>",
            f"<Status>{rule.get('Status', 'Enabled')}</Status>",
            f"<Filter><Prefix>{escape(rule.get('Prefix') or '')}</Prefix></Filter>",
        ]
        for step in rule.get("Transitions", []):
            parts.append(
                f"<Transition><Days>{step['TransitionInDays']}</Days>"
                f"<StorageClass>{step['StorageClass']}</StorageClass></Transition>"
            )
        if rule.get("ExpirationInDays"):
            parts.append(f"<Expiration><Days>{rule['ExpirationInDays']}</Days></Expiration>")
        abort = rule.get("AbortIncompleteMultipartUpload")
        if abort:
            parts.append(
                "<AbortIncompleteMultipartUpload>"
                f"<DaysAfterInitiation>{abort['DaysAfterInitiation']}</DaysAfterInitiation>"
                "</AbortIncompleteMultipartUpload>"
            )
        rules.append(f"<Rule>{''.join(parts)}</Rule>")
    return f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>".encode()


def encryption_xml(config):
    rule = (config.get("ServerSideEncryptionConfiguration") or [{}])[0]
    default = rule.get("ServerSideEncryptionByDefault", {})
    key = default.get("KMSMasterKeyID")
    key_xml = f"<KMSMasterKeyID>{escape(key)}</KMSMasterKeyID>" if key else ""
    return (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{default.get('SSEAlgorithm', 'AES256')}</SSEAlgorithm>{key_xml}"
        "</ApplyServerSideEncryptionByDefault>"
        f"<BucketKeyEnabled>{str(bool(rule.get('BucketKeyEnabled'))).lower()}</BucketKeyEnabled>"
        "</Rule></ServerSideEncryptionConfiguration>"
    ).encode()


_put_bucket_encryption = s3._put_bucket_encryption


# AWS takes SSE-KMS without a key (its own is used); the emulator rejects that, so it is left out there.
def put_bucket_encryption(name, body):
    if b"aws:kms" in body and b"<KMSMasterKeyID>" not in body:
        return None
    return _put_bucket_encryption(name, body)


provisioners._S3_BUCKET_CONFIGURATIONS += (
    ("LifecycleConfiguration", lifecycle_xml, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
    ("BucketEncryption", encryption_xml, put_bucket_encryption, s3._delete_bucket_encryption),
)

if os.environ.get("STOPCODE_LARGE_OBJECTS"):
    import sparse_objects

    sparse_objects.install(s3)

if __name__ == "__main__":
    main()
