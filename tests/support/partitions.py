"""The tables as hash partitions by user, made from those that a migration made, under the same names."""

import asyncpg

PARTITIONS = 8

TABLES = {
    "chatkit_threads": "PRIMARY KEY (user_id, id) INCLUDE (created_at)",
    "chatkit_thread_items": "PRIMARY KEY (user_id, thread_id, id), UNIQUE (user_id, thread_id, sort_key)",
    "chatkit_attachments": "PRIMARY KEY (user_id, id)",
    "chatkit_feedback": "PRIMARY KEY (user_id, thread_id, item_id)",
    "chatkit_files": "PRIMARY KEY (user_id, id)",
    "chatkit_file_chunks": "PRIMARY KEY (user_id, file_id, number)",
}
AFTERWARDS = """
    CREATE INDEX ON chatkit_threads (user_id, created_at, id);
    ALTER TABLE chatkit_thread_items ADD FOREIGN KEY (user_id, thread_id) REFERENCES chatkit_threads ON DELETE CASCADE;
    CREATE STATISTICS chatkit_thread_items_by_user (dependencies) ON user_id, thread_id FROM chatkit_thread_items;
    ALTER TABLE chatkit_attachments ADD FOREIGN KEY (user_id, thread_id) REFERENCES chatkit_threads ON DELETE CASCADE;
    CREATE INDEX ON chatkit_attachments (user_id, thread_id) WHERE thread_id IS NOT NULL;
    ALTER TABLE chatkit_feedback ADD FOREIGN KEY (user_id, thread_id, item_id)
        REFERENCES chatkit_thread_items ON DELETE CASCADE;
    ALTER TABLE chatkit_file_chunks ADD FOREIGN KEY (user_id, file_id) REFERENCES chatkit_files ON DELETE CASCADE;
"""


async def partition(database_url: str) -> None:
    """Put partitioned tables in the place of the migrated ones, and the rows into them."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            for table, keys in TABLES.items():
                await connection.execute(_replacement(table, keys))
            await connection.execute(AFTERWARDS)
            await connection.execute(f"DROP TABLE {', '.join(map(_old, TABLES))}")
    finally:
        await connection.close()


def _replacement(table: str, keys: str) -> str:
    old = _old(table)
    partitions = (
        f"CREATE TABLE {table}_{number} PARTITION OF {table} "
        f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number});"
        for number in range(PARTITIONS)
    )
    return f"""
        ALTER TABLE {table} RENAME TO {old};
        CREATE TABLE {table} (LIKE {old}) PARTITION BY HASH (user_id);
        {"".join(partitions)}
        INSERT INTO {table} SELECT * FROM {old};
        ALTER TABLE {table} ADD {keys.replace(", UNIQUE", ", ADD UNIQUE")};
    """


def _old(table: str) -> str:
    return table.replace("chatkit_", "old_")
