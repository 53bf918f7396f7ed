using System.Globalization;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Reading;

/// <summary>The results of parts that a fragment reads, by the numbers of the parts.</summary>
internal sealed record IntermediateResults(IReadOnlyList<int> Parts)
{
    public int Count => Parts.Count;

    /// <summary>"the result of part 1", "the results of parts 1 and 2".</summary>
    public string Named => Count == 1 ? $"the result of part {Parts[0]}" : $"the results of parts {string.Join(" and ", Parts)}";

    /// <summary>Citus names a result by its plan and its place in it: <c>read_intermediate_result('5_1', …)</c>.</summary>
    public static IntermediateResults ReadBy(QueryFragment fragment)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(fragment.Sql);
        var parts = new SortedSet<int>();
        for (int i = 0; i + 2 < tokens.Count; i++)
        {
            if (!(tokens[i].Is("read_intermediate_result") || tokens[i].Is("read_intermediate_results")) || !tokens[i + 1].Is("("))
                continue;
            foreach (SqlToken name in tokens.Skip(i + 2).Take(SqlTokens.Closing(tokens, i + 1) - i - 2)
                .Where(t => t.Kind == SqlTokenKind.Literal))
            {
                if (int.TryParse(name.Text.AsSpan(name.Text.LastIndexOf('_') + 1), NumberStyles.None, CultureInfo.InvariantCulture,
                    out int part)) parts.Add(part);
            }
        }
        return new IntermediateResults([.. parts]);
    }
}
