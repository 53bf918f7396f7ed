namespace Woodgrove.Citus.Activity;

/// <summary>Lays out who waits for whom: each session once, below the one that holds it up longest.</summary>
internal static class LockTree
{
    public sealed record Node(long Id, int Depth, IReadOnlyList<long> BlockedBy, int Blocks);

    /// <summary>
    /// Those who wait for none come first, the one with the most waiters before the others; of a circle, the lowest id
    /// stands for it.
    /// </summary>
    public static IReadOnlyList<Node> Of(IEnumerable<(long Waiting, long Blocking)> edges)
    {
        List<(long Waiting, long Blocking)> distinct = [.. edges.Where(e => e.Waiting != e.Blocking).Distinct()];
        ILookup<long, long> blockers = distinct.ToLookup(e => e.Waiting, e => e.Blocking),
            waiters = distinct.ToLookup(e => e.Blocking, e => e.Waiting);
        long[] ids = [.. distinct.SelectMany(e => new[] { e.Blocking, e.Waiting }).Distinct().Order()];
        Dictionary<long, int> blocks = ids.ToDictionary(id => id, id => Reached(id, waiters).Count);

        var depths = new Dictionary<long, int>();
        // Roots are those without blockers, and then, of what is left, one for each circle.
        foreach (long root in ids.Where(id => !blockers[id].Any()).Concat(ids))
        {
            if (depths.ContainsKey(root)) continue;
            depths[root] = 0;
            foreach (long id in Reached(root, waiters)) depths.TryAdd(id, -1);
        }
        foreach (long id in ids) Depth(id, blockers, depths, []);

        var nodes = new List<Node>();
        var placed = new HashSet<long>();
        foreach (long root in ids.Where(id => depths[id] == 0).OrderByDescending(id => blocks[id])) Place(root);
        foreach (long id in ids) Place(id);
        return nodes;

        void Place(long id)
        {
            if (!placed.Add(id)) return;
            nodes.Add(new Node(id, depths[id], [.. blockers[id].Order()], blocks[id]));
            // Below its deepest blocker: all above must end first.
            foreach (long waiter in waiters[id].Where(w => depths[w] == depths[id] + 1).OrderByDescending(w => blocks[w]).ThenBy(w => w))
                Place(waiter);
        }
    }

    private static int Depth(long id, ILookup<long, long> blockers, Dictionary<long, int> known, HashSet<long> path)
    {
        if (known[id] >= 0) return known[id];
        if (!path.Add(id)) return 0;
        int depth = 1 + blockers[id].Max(b => Depth(b, blockers, known, path));
        return known[id] = depth;
    }

    private static HashSet<long> Reached(long from, ILookup<long, long> next)
    {
        var reached = new HashSet<long>();
        var open = new Stack<long>(next[from]);
        while (open.TryPop(out long id))
        {
            if (id != from && reached.Add(id))
            {
                foreach (long further in next[id]) open.Push(further);
            }
        }
        return reached;
    }
}
