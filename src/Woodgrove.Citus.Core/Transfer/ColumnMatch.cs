using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Transfer;

/// <summary>The columns that a table's rows are copied with: those of the target that it does not compute, matched by name.</summary>
/// <param name="Columns">The target's columns, in the order of the rows.</param>
/// <param name="WhyText">Why values can't be sent in their binary form, or null where they are.</param>
internal sealed record ColumnMatch(IReadOnlyList<TableColumn> Columns, string? WhyText)
{
    public bool IsBinary => WhyText is null;

    /// <summary>The columns' names, quoted.</summary>
    public string Names => string.Join(", ", Columns.Select(c => TableName.Quote(c.Name)));

    /// <param name="columns">What the source has.</param>
    /// <exception cref="Errors.CitusException">A column is missing on a side, or its types can't be matched.</exception>
    public static async Task<ColumnMatch> ReadAsync(NpgsqlConnection source, IReadOnlyList<TableColumn> columns,
        NpgsqlConnection target, TableInfo into, CancellationToken stop)
    {
        TableColumn? Find(TableColumn column) => columns.FirstOrDefault(c => c.Name == column.Name);
        List<TableColumn> taken = [.. into.Columns.Where(c => !c.IsGenerated && Find(c) is not null)];
        string[] lacking = [.. into.Columns.Where(c => !c.IsGenerated && !c.HasDefault && !c.IsIdentity && Find(c) is null)
            .Select(c => c.Name)];
        string[] extra = [.. columns.Where(c => !c.IsGenerated && into.Columns.All(t => t.Name != c.Name)).Select(c => c.Name)];
        if (lacking.Length > 0 || extra.Length > 0 || taken.Count == 0) throw CopyErrors.ColumnsDiffer(into.Display, lacking, extra);
        List<TypeFacts> from = await TypeFacts.ReadAsync(source, [.. taken.Select(c => Find(c)!.TypeOid)], stop);
        List<TypeFacts> to = await TypeFacts.ReadAsync(target, [.. taken.Select(c => c.TypeOid)], stop);
        string? whyText = null;
        for (int i = 0; i < taken.Count; i++)
        {
            (string name, string was, string becomes) = (taken[i].Name, Find(taken[i])!.TypeName, taken[i].TypeName);
            if (!from[i].CanBeReadAs(to[i])) throw CopyErrors.TypesDiffer(into.Display, name, was, becomes);
            whyText ??= from[i].Signature != to[i].Signature ? $"{name} is {was} in the source and {becomes} in the target"
                : !from[i].HasPortableBinary || !to[i].HasPortableBinary
                    ? $"the binary form of {name}'s type {was} is a server's own" : null;
        }
        return new ColumnMatch(taken, whyText);
    }
}
