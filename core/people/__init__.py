"""People and homes: contacts, the properties linked to them, and what really happened to those."""

from core.people import transaction_csv
from core.people.contacts import upsert_contact
from core.people.listing import (
    ContactDetail,
    ContactRow,
    HomeRow,
    check_reach,
    contact_scope,
    get_contact,
    list_contacts,
    within_reach,
)
from core.people.transactions import KINDS, TransactionRow, record_transaction, transactions_of

__all__ = [
    "KINDS",
    "ContactDetail",
    "ContactRow",
    "HomeRow",
    "TransactionRow",
    "check_reach",
    "contact_scope",
    "get_contact",
    "list_contacts",
    "record_transaction",
    "transaction_csv",
    "transactions_of",
    "upsert_contact",
    "within_reach",
]
