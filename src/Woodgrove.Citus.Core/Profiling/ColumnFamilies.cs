namespace Woodgrove.Citus.Profiling;

/// <summary>
/// Columns of different tables that hold the same values: foreign keys lead from one to the other, or one is a key or has a
/// foreign key and the other has its name and type. Tables that are distributed by such columns can be colocated.
/// </summary>
internal sealed class ColumnFamilies
{
    private readonly Dictionary<(string Table, string Column), (string Table, string Column)> _parents = [];
    private readonly Dictionary<(string Table, string Column), double> _weights = [];

    public ColumnFamilies(IReadOnlyList<PlannedTable> tables)
    {
        Dictionary<string, PlannedTable> byName = tables.ToDictionary(t => t.Name);
        foreach (PlannedTable table in tables)
            foreach (string column in table.Columns.Keys) _parents[(table.Name, column)] = (table.Name, column);
        foreach (PlannedForeignKey key in tables.SelectMany(t => t.ForeignKeys).Where(k => byName.ContainsKey(k.Other)))
            foreach ((string mine, string theirs) in key.Columns.Zip(key.Referenced)) Join(key.Table, mine, key.Other, theirs);
        // Of the same name: id or name may be anything, so that alone joins nothing.
        foreach (var like in tables.SelectMany(t => t.Columns.Values.Where(c => IsTelling(c.Name)).Select(c => (t.Name, Column: c))).GroupBy(c => (c.Column.Name, c.Column.TypeOid)))
        {
            foreach (var other in like.Skip(1)) Join(like.First().Name, like.First().Column.Name, other.Name, other.Column.Name);
        }
        Weigh(tables, byName);
    }

    /// <summary>The column of a table that is of a family; the one that serves best, where there are several.</summary>
    public string? ColumnOf(PlannedTable table, (string, string) family) => table.Columns.Keys
        .Where(c => Root((table.Name, c)) == family && table.Columns[c].CanHash)
        .MaxBy(c => table.Candidate(c)?.Score ?? 0);

    /// <summary>The family that most of the rows have a good column of, or null.</summary>
    public (string, string)? Best => _weights.Count == 0 ? null : _weights.MaxBy(w => w.Value).Key;

    /// <summary>Whether columns of this name are likely to hold the same values in all tables; those called id or name are not.</summary>
    public static bool IsTelling(string column) => column.Length > 2 && column.Contains("id", StringComparison.OrdinalIgnoreCase);

    private void Weigh(IReadOnlyList<PlannedTable> tables, Dictionary<string, PlannedTable> byName)
    {
        double all = Math.Max(1, tables.Sum(t => (double)t.SizeBytes));
        foreach (IGrouping<(string, string), (string Table, string Column)> family in _parents.Keys.GroupBy(Root))
        {
            (string Table, string Column)[] members = [.. family.Where(m => IsGood(byName[m.Table], m.Column))];
            if (members.Length == 0) continue;
            // A column that names the rows of one table, and no others, keeps nothing together.
            double bonus = members.Select(m => m.Table).Distinct().Count() > 1 ? 1 : 0.1;
            _weights[family.Key] = bonus * members.GroupBy(m => m.Table).Sum(t => byName[t.Key].SizeBytes / all
                * t.Max(m => Score(byName[m.Table].Candidate(m.Column))));
        }
    }

    /// <summary>A plan widens keys, so one that has to be speaks against no column.</summary>
    private static double Score(DistributionCandidate? candidate) => candidate is null ? 1
        : Math.Max(0.1, candidate.Score + (candidate.IsInEveryKey == false ? DistributionJudge.KeyToWiden : 0));

    private static bool IsGood(PlannedTable table, string column) => table.Columns[column].CanHash
        && (table.Candidates.Count == 0 || table.Candidate(column) is { Verdict: not CandidateVerdict.Unsuitable });

    private void Join(string table, string column, string other, string otherColumn)
    {
        if (_parents.ContainsKey((table, column)) && _parents.ContainsKey((other, otherColumn)))
            _parents[Root((table, column))] = Root((other, otherColumn));
    }

    private (string, string) Root((string, string) column)
    {
        while (_parents[column] != column) column = _parents[column];
        return column;
    }
}
