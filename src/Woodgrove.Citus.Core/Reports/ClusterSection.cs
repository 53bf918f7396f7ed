using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Shards;

namespace Woodgrove.Citus.Reports;

/// <summary>The figures that matter first, and the nodes: the coordinator above, the workers below it.</summary>
internal sealed class ClusterSection(ReportFacts facts) : Section(facts)
{
    public override string Id => "cluster";
    public override string Heading => "The cluster";
    public override bool HasContent => true;

    public override void AddTo(Html html)
    {
        long shards = Facts.Tables.Sum(t => t.ShardCount);
        long? size = Figure.Total(Facts.Tables.Select(t => t.SizeBytes));
        int skewed = Facts.Skews.Count(s => s.Verdict == SkewVerdict.Skewed),
            down = Facts.Nodes.Count(n => !n.IsActive || n.Reachable == false);
        html.Add($"<dl class=\"tiles\">");
        Tile("Nodes", Figure.Count(Facts.Nodes.Count), down == 0 ? "all active" : $"{down} not reached or not active", down > 0);
        Tile("Tables", Figure.Count(Facts.Tables.Count),
            Figure.Words(Facts.Grouped.Select(t => t.ColocationId).Distinct().Count(), "colocation group"), false);
        Tile("Shards", Figure.Count(shards), Figure.Words(Facts.Placements.Count, "placement"), false);
        Tile("Size", Figure.Bytes(size), "indexes included", false);
        Tile("Skewed tables", Figure.Count(skewed), Figure.Words(Facts.Skews.Count, "table") + " measured", skewed > 0);
        html.Add($"</dl>");

        CitusNode[] above = [.. Facts.Nodes.Where(n => n.GroupId == 0)], below = [.. Facts.Nodes.Where(n => n.GroupId != 0)];
        long most = Math.Max(1, Facts.Nodes.Max(n => n.SizeBytes) ?? 0), all = Math.Max(1, Facts.Nodes.Sum(n => n.SizeBytes) ?? 0);
        html.Add($"<figure class=\"map\"><figcaption>The coordinator takes queries and hands them out; workers hold the shards. Bars show the bytes on each node, the fullest being whole.</figcaption>");
        Row("level", above);
        if (below.Length > 0) Row("level below", below);
        html.Add($"</figure>");

        void Tile(string name, Figure figure, string detail, bool alarms) =>
            html.Add($"<div class=\"tile {(alarms ? "alarm" : "calm")}\"><dt>{name}</dt><dd>{figure}<small>{detail}</small></dd></div>");

        void Row(string kind, CitusNode[] nodes)
        {
            html.Add($"<ul class=\"{kind}\">");
            foreach (CitusNode n in nodes)
            {
                (Tone tone, string state) = !n.IsActive ? (Tone.Bad, "not active")
                    : n.Reachable == false ? (Tone.Bad, "not reached") : (Tone.Good, "active");
                html.Add($"""
                    <li class="node" data-node="{n.NodeName}:{n.NodePort}"><strong>{n.NodeName}:<wbr>{n.NodePort}</strong>
                    <span class="role">{n.Role}</span> <span class="badge {tone}">{tone.Sign} {state}</span>
                    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{100.0 * (n.SizeBytes ?? 0) / all:0} % of all bytes"><title>{100.0 * (n.SizeBytes ?? 0) / all:0} % of all bytes</title><rect class="rail" width="100" height="6"/><rect class="fill" width="{100.0 * (n.SizeBytes ?? 0) / most:0.##}" height="6"/></svg>
                    <span>{Figure.Count(n.ShardCount, "placement")} · {Figure.Bytes(n.SizeBytes)}</span><small>{(n.ShouldHaveShards ? "" : "takes no shards of distributed tables")}{(n.MetadataSynced || n.GroupId == 0 ? "" : " metadata not synced")}</small></li>
                    """);
            }
            html.Add($"</ul>");
        }
    }
}
