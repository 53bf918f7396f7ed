using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class LogicalSlots() : CitusCheck(CheckCategory.Upgrade,
    "No node has a logical replication slot.",
    "pg_upgrade leaves them out before PostgreSQL 17, and later takes over only those that are consumed to the end; their consumers "
        + "then miss changes.")
{
    private static readonly Question<Slot> Slots = new(Ask.EveryNode, """
        SELECT slot_name::text AS name, plugin::text, database::text, active
        FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary ORDER BY 1
        """);

    public override IReadOnlyList<Question> Questions => [Slots];

    public override Verdict Decide(Facts facts) =>
        Verdict.Unless(facts.Of(Slots), CheckStatus.Warning, "no logical slot", "there is none",
        slots => Verdict.List(slots.Select(s => $"{s.Name} on {s.Node}{(s.Active == true ? ", in use" : "")}")),
        slots => Verdict.Lines(slots, s => $"SELECT pg_catalog.pg_drop_replication_slot({TableName.Literal(s.Name)}); "
            + $"-- on {s.Node}, once its consumer has all and is stopped; it begins anew afterwards"));

    public sealed record Slot(string Node, string Name, string? Plugin, string? Database, bool? Active);
}
