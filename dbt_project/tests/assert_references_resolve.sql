-- Whatever names a row of another mart names one that is there. contact_timeline is
-- made of interactions' own columns, and loses a row with theirs.
{% set references = [
    ('contact_identities', 'contact_id', 'contacts', 'contact_id'),
    ('document_relationships', 'from_document_id', 'documents', 'document_id'),
    ('document_relationships', 'to_document_id', 'documents', 'document_id'),
    ('document_relationships', 'to_identity_id', 'contact_identities', 'identity_id'),
    ('documents', 'author_identity_id', 'contact_identities', 'identity_id'),
    ('documents', 'parent_document_id', 'documents', 'document_id'),
    ('documents', 'root_document_id', 'documents', 'document_id'),
    (
        'int_headwater__contact_links', 'from_id',
        'int_headwater__contact_identities', 'identity_id',
    ),
    ('interactions', 'actor_identity_id', 'contact_identities', 'identity_id'),
    ('interactions', 'contact_id', 'contacts', 'contact_id'),
    ('interactions', 'document_id', 'documents', 'document_id'),
    ('issue_cycle_times', 'document_id', 'documents', 'document_id'),
    ('open_work', 'contact_id', 'contacts', 'contact_id'),
    ('open_work', 'document_id', 'documents', 'document_id'),
    ('pull_request_cycle_times', 'document_id', 'documents', 'document_id'),
    ('review_load', 'contact_id', 'contacts', 'contact_id'),
    ('store_documents', 'document_id', 'documents', 'document_id'),
    ('store_documents', 'store', 'stores', 'store'),
] %}

{{ unresolved_references(references) }}
