using System.Globalization;
using System.Text.RegularExpressions;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>
/// The name of a transaction that an import has prepared on a node. It does not begin with <c>citus_</c>: Citus rolls
/// back such transactions itself. Names in <c>pg_prepared_xacts</c> may be anybody's, so only the exact form is one.
/// </summary>
/// <param name="Coordinator">The system identifier of the coordinator whose ledger decides.</param>
/// <param name="Attempt">The attempt at the import that prepared it; no other attempt's row of the ledger decides it.</param>
/// <param name="Part">The shard's id, or <see cref="Guard"/>.</param>
internal sealed partial record PreparedName(string Coordinator, Guid ImportId, int Batch, string Attempt, string Part)
{
    /// <summary>What all names begin with.</summary>
    public const string Prefix = "woodgrove_";

    /// <summary>The part that holds the table's lock on the coordinator and changes nothing.</summary>
    public const string Guard = "guard";

    public bool IsGuard => Part == Guard;

    /// <summary>The name of which a text is the exact form, or null.</summary>
    public static PreparedName? Parse(string text)
    {
        Match match = Form().Match(text);
        if (!match.Success || !int.TryParse(match.Groups[3].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int batch))
            return null;
        return new PreparedName(match.Groups[1].Value, Guid.ParseExact(match.Groups[2].Value, "N"), batch, match.Groups[4].Value,
            match.Groups[5].Value);
    }

    /// <summary>The name as a transaction has it; letters, digits and underscores, which need no quoting.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Coordinator}_{ImportId:N}_{Batch}_{Attempt}_{Part}");

    [GeneratedRegex(@"\Awoodgrove_([0-9a-f]{16})_([0-9a-f]{32})_([0-9]{1,10})_([0-9a-f]{12})_([0-9]{1,19}|guard)\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
