"""What schemathesis cannot know of the service: who its customers are, and how it reads numbers.

JSON Schema takes 184.0 for an integer; the service does not, because an amount or an id that came
as a float may have lost digits on its way. test_schemas shows that it is refused.
"""

import schemathesis

CUSTOMERS = 400


@schemathesis.hook
def map_body(_context, body):
    if not isinstance(body, dict):
        return body
    whole = {name: whole_numbers(value) for name, value in body.items()}
    if type(whole.get("customer_id")) is int and whole["customer_id"] % 4:
        whole["customer_id"] = 1 + whole["customer_id"] % CUSTOMERS
    return whole


def whole_numbers(value):
    if isinstance(value, list):
        return [whole_numbers(one) for one in value]
    if isinstance(value, dict):
        return {name: whole_numbers(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
