namespace Woodgrove.Citus.Validation.Checks;

internal sealed class WalLevel() : CitusCheck(CheckCategory.Capacity,
    "wal_level is logical on every node.",
    "Shards move and split without blocking writes by logical replication, which needs it; otherwise writes to the shards wait until the "
        + "move is done.")
{
    private static readonly Question<Level> Levels = new(Ask.EveryNode, "SELECT pg_catalog.current_setting('wal_level') AS value");

    public override IReadOnlyList<Question> Questions => [Levels];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless([.. facts.Of(Levels).Where(l => l.Value != "logical")], CheckStatus.Warning, "logical", "logical on all nodes",
        other => Verdict.List(other.Select(l => $"{l.Value} on {l.Node}")),
        other => Verdict.Lines(other, l => $"ALTER SYSTEM SET wal_level = logical; -- on {l.Node}, then restart it"));

    public sealed record Level(string Node, string Value);
}
