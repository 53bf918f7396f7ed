using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Connections;

/// <summary>Completes names of connection services.</summary>
internal sealed class ServiceCompleter : ListCompleter
{
    protected override IEnumerable<(string Text, string Tip)> Items() => ServiceFile.Names().Select(n => (n, n));
}
