using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Validation;

/// <summary>Completes the tags of the module's own suite: the categories of its checks.</summary>
internal sealed class TagCompleter : ListCompleter
{
    protected override IEnumerable<(string Text, string Tip)> Items() =>
        CheckCatalog.Find([]).GroupBy(c => c.Category.ToString()).Select(g => (g.Key, string.Join(", ", g.Select(c => c.Check))));
}
