using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Completes intervals of partitions.</summary>
internal sealed class IntervalCompleter : ListCompleter
{
    protected override IEnumerable<(string Text, string Tip)> Items() =>
        [("1 hour", "of timestamps"), ("1 day", "a day"), ("1 week", "seven days"), ("1 month", "a month of the calendar"), ("1 year", "a year")];
}
