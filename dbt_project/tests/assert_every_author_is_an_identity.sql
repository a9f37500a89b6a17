-- Who wrote a document has an identity; of who did something, interactions tests it.
with documents as (
    select * from {{ ref('documents') }}
),

contact_identities as (
    select * from {{ ref('contact_identities') }}
)

select
    documents.document_id,
    documents.author_identity_id
from documents
anti join contact_identities
    on documents.author_identity_id = contact_identities.identity_id
where documents.author_identity_id is not null
