using System.Globalization;
using Npgsql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Catalog;

/// <summary>
/// Puts values to the server, many at a time, as text of a column's type; where one is refused, which one is found by
/// halving.
/// </summary>
internal sealed class ValueQuestion(NpgsqlConnection session, TableColumn column)
{
    /// <summary>Asks for the hash of each.</summary>
    public Task<ValueReply[]> HashesAsync(IReadOnlyList<string> values, CancellationToken stop) =>
        AskAsync("pg_catalog.worker_hash({0})", values, stop);

    private async Task<ValueReply[]> AskAsync(string question, IReadOnlyList<string> values, CancellationToken stop)
    {
        var replies = new ValueReply[values.Count];
        await AskAsync(string.Format(CultureInfo.InvariantCulture, question, Typed("v")), values, 0, values.Count, replies, stop);
        return replies;
    }

    private async Task AskAsync(string expression, IReadOnlyList<string> values, int from, int to, ValueReply[] replies,
        CancellationToken stop)
    {
        if (from == to) return;
        try
        {
            await using var command = new NpgsqlCommand($"SELECT {expression} FROM unnest($1::text[]) WITH ORDINALITY AS u(v, "
                + "n) ORDER BY n", session)
            {
                Parameters = { new() { Value = values.Skip(from).Take(to - from).ToArray() } },
            };
            await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
            for (int i = from; await row.ReadAsync(stop); i++) replies[i] = new ValueReply(row.GetInt32(0), null);
        }
        catch (PostgresException e) when (e.SqlState is ['2', '2', ..] or ['2', '3', ..])
        {
            if (to - from == 1)
            {
                replies[from] = new ValueReply(0, e);
                return;
            }
            int middle = from + (to - from) / 2;
            await AskAsync(expression, values, from, middle, replies, stop);
            await AskAsync(expression, values, middle, to, replies, stop);
        }
    }

    /// <summary>A cast would cut off what is too long for the type; its input refuses it, as it would refuse the row.</summary>
    private string Typed(string text) => column.TypeOid switch
    {
        PgType.Varchar => $"pg_catalog.varcharin(pg_catalog.textout({text}), 0, {TypeModifier})",
        PgType.Bpchar => $"pg_catalog.bpcharin(pg_catalog.textout({text}), 0, {TypeModifier})",
        _ => $"{text}::{column.TypeName}",
    };

    /// <summary>PostgreSQL adds the four bytes of a length word to the n of varchar(n).</summary>
    private int TypeModifier => column.MaxLength is { } n ? n + 4 : -1;
}
