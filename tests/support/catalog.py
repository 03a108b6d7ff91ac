"""What a database's catalog says of our tables, to hold two ways of making them side by side."""

import asyncpg

CATALOG = """
    SELECT 'column' AS kind, c.relname || '.' || a.attname AS name,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), l.collname,
                     CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid)) AS definition
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    UNION ALL
    SELECT 'table', c.relname, concat_ws(' ', c.reloptions::text, obj_description(c.oid))
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'statistics', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
"""


async def catalog_of(database_url: str) -> dict[tuple[str, str], str]:
    """Return the definition of every table, column, index, constraint and statistics object, by kind and name."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(CATALOG)
    finally:
        await connection.close()
    return {(row["kind"], row["name"]): row["definition"] for row in rows}
