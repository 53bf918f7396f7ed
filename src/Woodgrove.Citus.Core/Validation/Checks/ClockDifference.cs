namespace Woodgrove.Citus.Validation.Checks;

internal sealed class ClockDifference() : CitusCheck(CheckCategory.Nodes,
    "The clocks of all nodes agree.",
    "now() and clock_timestamp() are evaluated on the node that runs a fragment: rows get times that are out of order, "
        + "and retention by time deletes the wrong ones.")
{
    public override Threshold Threshold => new(1, "seconds between two nodes' clocks");

    public override IReadOnlyList<Question> Questions => [];

    public override Verdict Decide(Facts facts)
    {
        NodeState[] asked = [.. facts.Nodes.Where(n => n.Unreachable is null)];
        NodeState ahead = asked.MaxBy(n => n.ClockOffset)!, behind = asked.MinBy(n => n.ClockOffset)!;
        double apart = ahead.ClockOffset - behind.ClockOffset, uncertain = ahead.ClockUncertainty + behind.ClockUncertainty;
        string expected = $"at most {facts.Limit:0.###} s apart";
        // What the round trips explain is no difference.
        if (apart - uncertain <= facts.Limit)
            return Verdict.Passed(expected, $"{Math.Max(0, apart - uncertain):0.###} s apart, measured to {uncertain:0.###} s");
        return new Verdict(CheckStatus.Warning, expected, $"{ahead.Node} is {apart:0.###} s ahead of {behind.Node}", asked,
            "Run chrony or ntpd on every node against the same time servers.");
    }
}
