using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Transfer;

/// <summary>The order of tables in which no row comes before one that it refers to.</summary>
internal static class TableOrder
{
    /// <summary>Puts each table after those that its foreign keys refer to; tables that refer to each other stay as they are.</summary>
    public static async Task<IReadOnlyList<TablePlan>> SortAsync(NpgsqlConnection target, IReadOnlyList<TablePlan> plans,
        CancellationToken stop)
    {
        ILookup<uint, uint> referred = (await target.ListAsync("""
            SELECT conrelid::bigint, confrelid::bigint FROM pg_catalog.pg_constraint
            WHERE contype = 'f' AND conrelid <> confrelid AND conparentid = 0 AND conrelid = ANY ($1)
            """, row => (From: (uint)row.GetInt64(0), To: (uint)row.GetInt64(1)), stop, plans.Select(p => p.Target.Oid).ToArray()))
            .ToLookup(k => k.From, k => k.To);
        var sorted = new List<TablePlan>();
        var seen = new HashSet<uint>();
        foreach (TablePlan plan in plans) Visit(plan);
        return sorted;

        void Visit(TablePlan plan)
        {
            if (!seen.Add(plan.Target.Oid)) return;
            foreach (uint other in referred[plan.Target.Oid])
                if (plans.FirstOrDefault(p => p.Target.Oid == other) is { } first) Visit(first);
            sorted.Add(plan);
        }
    }
}
