using Npgsql;

namespace Woodgrove.Citus.Catalog;

/// <summary>The answer for one value: a number, or why the server refused it.</summary>
internal readonly record struct ValueReply(int Number, PostgresException? Refusal);
