-- The second edition's views and operators' functions; they take the place of their namesakes in nianshen at the switch.
CREATE SCHEMA IF NOT EXISTS nianshen_next AUTHORIZATION nianshen_owner;
GRANT USAGE ON SCHEMA nianshen_next TO nianshen_worker, nianshen_ops, nianshen_reviewer;
